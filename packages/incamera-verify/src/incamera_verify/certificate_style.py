"""The look of the certificate's page: one sheet of paper, readable in print and on a telephone."""

from __future__ import annotations

STYLE = """
:root{--ink:#1b1f24;--soft:#5a6270;--rule:#d9dde3;--paper:#fff;--ground:#eef0f3;--accent:#1d3a5f}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.55 Georgia,"Times New Roman",serif}
main{max-width:52rem;margin:2.5rem auto;padding:3.5rem 4rem;background:var(--paper);border-top:6px solid var(--accent);
box-shadow:0 1px 3px rgba(0,0,0,.12),0 12px 32px rgba(0,0,0,.07)}
.label{margin:0 0 .6rem;padding:.5rem 1rem;border:2px solid #8a1c1c;color:#8a1c1c;background:#fdf3f2;
font:700 1rem/1.3 system-ui,sans-serif;letter-spacing:.12em;text-align:center}
header{text-align:center;margin:1.8rem 0 2.4rem}
.court{margin:0;color:var(--soft);font-variant:small-caps;letter-spacing:.06em}
h1{margin:.5rem 0 .7rem;font-size:2rem;font-weight:600;line-height:1.2;color:var(--accent)}
.caption{margin:0;font-style:italic;font-size:1.08rem}
.number{margin:.1rem 0 0;color:var(--soft)}
.designation{display:inline-block;margin:1rem 0 0;padding:.25rem .8rem;border:1px solid var(--ink);
font:600 .78rem/1.5 system-ui,sans-serif;letter-spacing:.08em}
section{margin:2rem 0}
h2{margin:0 0 .6rem;padding-bottom:.3rem;
border-bottom:1px solid var(--rule);font-size:1.18rem;font-weight:600;color:var(--accent)}
p{margin:.4rem 0}
table{width:100%;border-collapse:collapse;font-size:.93rem}
th{font-weight:400;text-align:left}
th,td{padding:.42rem .6rem .42rem 0;border-bottom:1px solid #edeff2;vertical-align:top}
tr:last-child th,tr:last-child td{border-bottom:0}
.pairs th{width:38%;color:var(--soft)}
.pairs td{overflow-wrap:anywhere}
.figures th{width:44%}
.figures td.value{width:20%;padding-right:1.4rem;text-align:right;
font-variant-numeric:tabular-nums lining-nums;font-weight:600;white-space:nowrap}
.figures td.text{text-align:left;font-weight:400;white-space:normal;overflow-wrap:anywhere;font-size:.86rem}
small{display:block;color:var(--soft);font-size:.82rem;line-height:1.4}
.class{display:inline-block;padding:.02rem .5rem;border-radius:.7rem;border:1px solid;font:600 .72rem/1.5 system-ui,sans-serif}
.recomputable{color:#155c36;background:#eef8f1}
.neutral{color:#1d4a80;background:#eef4fb}
.attested{color:#7a4a06;background:#fdf6e8}
.caveats{padding:1.1rem 1.4rem;background:#f7f8fa;border-left:4px solid #8a1c1c}
.caveats h2{border:0;color:#8a1c1c;margin-bottom:.2rem}
ul{margin:.3rem 0;padding-left:1.2rem}
li{margin:.25rem 0}
code{font:.88em/1.4 ui-monospace,Menlo,Consolas,monospace;background:#f2f4f7;padding:.05rem .3rem;border-radius:3px}
footer{margin-top:3rem;color:var(--soft);font-size:.86rem;text-align:center}
.sign{display:flex;gap:2rem;margin-top:3.5rem;text-align:left}
.sign span{flex:1;border-top:1px solid var(--ink);padding-top:.3rem}
@media (max-width:640px){
main{margin:0;padding:1.6rem 1.2rem}
.figures th,.figures td,.pairs th,.pairs td{display:block;
width:auto!important;
border:0;padding:.1rem 0;text-align:left!important}
.figures tr,.pairs tr{display:block;padding:.5rem 0;border-bottom:1px solid #edeff2}}
@media print{
@page{size:auto;margin:18mm}body{background:#fff;font-size:10.5pt}
main{margin:0;padding:0;max-width:none;border:0;box-shadow:none}
section{break-inside:auto}h2{break-after:avoid}tr{break-inside:avoid}}
"""
