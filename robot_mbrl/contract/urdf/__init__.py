"""The URDF as a tree of links and joints, checked."""
