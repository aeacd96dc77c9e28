"""How the page looks: on light and dark screens, narrow ones, and on paper."""

STYLE = """
:root { color-scheme: light dark; --ground: #fff; --ink: #1b1f24; --soft: #57606a; --line: #d3d8de; --card: #f5f7f9;
  --accent: #005a8e; --warn: #fff3dc; --warn-ink: #6b3c00; --meets: #fff0a3; --best: #ffbe66; --mark-ink: #1b1f24; }
@media screen and (prefers-color-scheme: dark) { :root { --ground: #16191d; --ink: #e4e7eb; --soft: #a2abb5;
  --line: #3a4048; --card: #1f242a; --accent: #7cc4f2; --warn: #3d2e12; --warn-ink: #ffd696; --meets: #e6d062;
  --best: #ff9f3f; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1.25rem 4rem; max-width: 68rem; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, "Segoe UI", "Helvetica Neue", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: .5rem 0 .25rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem; padding-top: .5rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
p, dd, li { max-width: 48rem; }
a { color: var(--accent); }
.soft, figcaption, .notes { color: var(--soft); font-size: .875rem; }
nav { margin: 1rem 0; font-size: .9rem; } nav a { margin-right: 1rem; white-space: nowrap; }
.tiles { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.25rem 0; }
.tile { flex: 1 1 11rem; padding: .75rem 1rem; background: var(--card); border-radius: .5rem; }
.tile b { display: block; font-size: 1.7rem; line-height: 1.25; font-variant-numeric: tabular-nums; }
.tile span { display: block; color: var(--soft); font-size: .85rem; }
.warning { padding: .6rem 1rem; background: var(--warn); color: var(--warn-ink);
  border-radius: .5rem; margin: .75rem 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; text-align: right; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; vertical-align: bottom; }
th:first-child, td:first-child, .left td, .left th { text-align: left; }
tbody th { font-weight: 400; vertical-align: top; }
.whole { white-space: nowrap; }
td small { display: block; color: var(--soft); white-space: nowrap; }
td.soft { font-size: inherit; } td i { color: var(--soft); } sup { line-height: 0; }
tr.break > * { border-top: 2px solid var(--soft); }
tr.chosen > * { font-weight: 700; }
td.meets { background: var(--meets); color: var(--mark-ink); }
td.best { background: var(--best); color: var(--mark-ink); }
.key { padding: 0 .4rem; border-radius: .2rem; color: var(--mark-ink); }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)); gap: 1.5rem; }
figure { margin: 0; break-inside: avoid; } figure img { width: 100%; max-width: 52rem; height: auto; }
figure.tall { grid-column: 1 / -1; }
dt { font-weight: 600; } dd { margin: 0 0 .6rem; }
@media print { .pictures { grid-template-columns: 1fr 1fr; }
  :root { color-scheme: light; } body { max-width: none; padding: 0; font-size: 10.5pt; }
  nav { display: none; } .wide { overflow: visible; } table { font-size: 7.5pt; } th, td { padding: .15rem .3rem; }
  .tile, .warning, td.meets, td.best, .key { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  h2, h3, dt { break-after: avoid; } tr { break-inside: avoid; } @page { margin: 14mm; } }
"""
