"""The robot in MuJoCo: URDF to model, parameters to model fields, B worlds on a thread pool."""
