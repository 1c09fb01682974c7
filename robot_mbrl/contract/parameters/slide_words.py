"""Words for the numbers of a sliding joint: m where a hinge has rad, N where it has N m."""

SLIDE_WORDS = {
    "position_rad": "position_m",
    "velocity_rad_s": "velocity_m_s",
    "static_friction_nm": "static_friction_n",
    "stribeck_velocity_rad_s": "stribeck_velocity_m_s",
    "cogging_nm": "cogging_n",
    "cogging_periods_per_rev": "cogging_periods_per_m",
    "cable_nm_rad": "cable_n_m",
    "cable_rest_rad": "cable_rest_m",
    "backlash_rad": "backlash_m",
    "encoder_offset_rad": "encoder_offset_m",
    "push_nm_s": "push_n_s",
}
"""Of a hinge's word, that of a slider; other words are the same for both."""


def slide_word(word: str) -> str:
    """A slider's word for what a hinge calls `word`."""
    return SLIDE_WORDS.get(word, word)
