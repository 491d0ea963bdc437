"""How a report looks, by day and by night."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --ink: #1c2024; --soft: #60646c; --line: #e0e1e6;
  --paper: #ffffff; --card: #f6f7f9; --applied: #2f7d5b; --rejected: #c4452d;
  --invalid: #d98324; --unknown: #7c4dbd; --undecided: #2b6cb0; --waiting: #9aa0a8; }
@media (prefers-color-scheme: dark) { :root { --ink: #edeef0; --soft: #b0b4ba;
  --line: #33363b; --paper: #16181b; --card: #1f2226; --applied: #53b58a;
  --rejected: #ec6a51; --invalid: #eda54e; --unknown: #a986e0; --undecided: #65a4e6; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 980px; padding: 28px 24px 64px; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 24px; }
h2 { margin: 34px 0 8px; font-size: 16px; display: flex; flex-wrap: wrap; gap: 6px 18px;
  align-items: baseline; }
.about, small { color: var(--soft); font-size: 13px; }
.about { margin: 4px 0 18px; overflow-wrap: anywhere; }
small { display: block; line-height: 1.3; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); gap: 10px; }
.tile { padding: 10px 12px; background: var(--card); border-top: 3px solid var(--line); }
.tile b { display: block; font-size: 22px; line-height: 1.2; font-variant-numeric: tabular-nums; }
.bar { display: flex; gap: 1px; height: 12px; margin-top: 12px; }
.bar i { min-width: 2px; }
.key { font-size: 13px; font-weight: normal; color: var(--soft); }
.key i { display: inline-block; width: 10px; height: 10px; margin-right: 5px; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--soft); font: 11px system-ui, sans-serif; }
.left { text-anchor: end; } .middle { text-anchor: middle; }
.grid { stroke: var(--line); } .break { stroke: var(--soft); stroke-dasharray: 3 3; }
polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
table { width: 100%; border-collapse: collapse; font-size: 13px; }
th { text-align: left; font-weight: 600; color: var(--soft); white-space: nowrap; }
th, td { padding: 5px 12px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td { overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
td:first-child { white-space: nowrap; }
""" + "\n".join(
    f".tile.{name} {{ border-color: var(--{color}); }} "
    f"i.{name} {{ background: var(--{color}); }} "
    f"rect.{name}, circle.{name} {{ fill: var(--{color}); }} "
    f"polyline.{name} {{ stroke: var(--{color}); }}"
    for name, color in {
        "applied": "applied",
        "rejected": "rejected",
        "invalid": "invalid",
        "unknown": "unknown",
        "undecided": "undecided",
        "waiting": "waiting",
        "median": "undecided",
        "slow": "invalid",
    }.items()
)
