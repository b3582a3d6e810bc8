"""The portal: pages over the endpoints of the API. A page shows and does what its visitor may there, and no more."""
