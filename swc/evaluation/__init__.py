"""Objective evaluation: measures, judges, rate-distortion runs, reports and plots. Imports torch only for judges.

results = evaluate(codec, Path("clips"), [0.86, 2.67, 8.0])
print(table(results)); write_json(results, Path("scores.json"))
"""

from __future__ import annotations

from swc.evaluation._extras import install_command
from swc.evaluation._figure import has_plots, require_plots
from swc.evaluation.html import write_html
from swc.evaluation.metrics import (
    mel_distance,
    pesq_wb,
    si_sdr,
    stft_distance,
    stoi,
    visqol_audio,
    visqol_speech,
)
from swc.evaluation.plots import learning_curves, rate_distortion, routing_health, spectrogram_comparison
from swc.evaluation.registry import MEASURES, METRICS, Metric, installed_judges
from swc.evaluation.report import Summary, judges_table, summarise, table, write_csv, write_json
from swc.evaluation.results import Results, Row
from swc.evaluation.runner import CodecLike, StreamLike, evaluate

__all__ = [
    "MEASURES",
    "METRICS",
    "CodecLike",
    "Metric",
    "Results",
    "Row",
    "StreamLike",
    "Summary",
    "evaluate",
    "has_plots",
    "install_command",
    "installed_judges",
    "judges_table",
    "learning_curves",
    "mel_distance",
    "pesq_wb",
    "rate_distortion",
    "require_plots",
    "routing_health",
    "si_sdr",
    "spectrogram_comparison",
    "stft_distance",
    "stoi",
    "summarise",
    "table",
    "visqol_audio",
    "visqol_speech",
    "write_csv",
    "write_html",
    "write_json",
]
