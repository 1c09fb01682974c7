"""The robot in PyBullet, the second opinion: one URDF a world, joints solved here."""
