"""The swap models, one file each; :mod:`.registry` names them."""
