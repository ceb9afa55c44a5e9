"""The look of the certificate's page: one sheet of paper, readable in print and on a telephone."""

from __future__ import annotations

STYLE = """
:root{--ink:#1b1f24;--soft:#5a6270;--rule:#d9dde3;--paper:#fff;--ground:#eef0f3;--accent:#1d3a5f}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 Georgia,"Times New Roman",serif}
main{max-width:54rem;margin:2.5rem auto;padding:3.2rem 4rem;background:var(--paper);border-top:6px solid var(--accent);
box-shadow:0 1px 3px rgba(0,0,0,.12),0 12px 32px rgba(0,0,0,.07)}
.label{margin:0 0 .6rem;padding:.5rem 1rem;border:2px solid #8a1c1c;color:#8a1c1c;background:#fdf3f2;
font:700 1rem/1.3 system-ui,sans-serif;letter-spacing:.12em;text-align:center}
header{text-align:center;margin:1.6rem 0 2rem}
.court{margin:0;color:var(--soft);font-variant:small-caps;letter-spacing:.06em}
h1{margin:.4rem 0 .6rem;font-size:2rem;font-weight:600;line-height:1.2;color:var(--accent)}
.caption{margin:0;font-style:italic;font-size:1.08rem}
.number{margin:.1rem 0 0;color:var(--soft)}
.designation{display:inline-block;margin:.9rem 0 0;padding:.25rem .8rem;border:1px solid var(--ink);
font:600 .78rem/1.5 system-ui,sans-serif;letter-spacing:.08em}
.headline{display:flex;gap:0;margin:0 0 1.6rem;padding:.8rem 0;border-top:1px solid var(--rule);
border-bottom:1px solid var(--rule);list-style:none;text-align:center;color:var(--soft);font-size:.84rem}
.headline li{flex:1;margin:0;padding:0 .4rem;border-left:1px solid var(--rule)}
.headline li:first-child{border-left:0}
.headline b{display:block;color:var(--accent);font-size:1.5rem;line-height:1.25;font-weight:600;
font-variant-numeric:lining-nums}
section{margin:1.6rem 0}
h2{margin:0 0 .4rem;padding-bottom:.25rem;border-bottom:1px solid var(--rule);
font-size:1.14rem;font-weight:600;color:var(--accent)}
p{margin:.4rem 0}
table{width:100%;border-collapse:collapse;font-size:.92rem}
th{font-weight:400;text-align:left}
th,td{padding:.3rem .6rem .3rem 0;border-bottom:1px solid #edeff2;vertical-align:baseline}
tr:last-child th,tr:last-child td{border-bottom:0}
.pairs th{width:34%;color:var(--soft)}
.pairs td{overflow-wrap:anywhere}
.figures{table-layout:fixed}
.figures th{width:36%}
.figures td.value{width:24%;padding-right:1.4rem;text-align:right;
font-variant-numeric:tabular-nums lining-nums;font-weight:600;white-space:nowrap}
.figures td.text{font-weight:400;white-space:normal;overflow-wrap:anywhere;font-size:.86rem}
.figures td.digest{font:.74rem/1.35 ui-monospace,Menlo,Consolas,monospace;text-align:left}
small{margin-left:.5rem;color:var(--soft);font-size:.8rem}
.class{display:inline-block;padding:0 .5rem;border-radius:.7rem;border:1px solid;font:600 .7rem/1.5 system-ui,sans-serif}
.recomputable{color:#155c36;background:#eef8f1}
.neutral{color:#1d4a80;background:#eef4fb}
.attested{color:#7a4a06;background:#fdf6e8}
.caveats{padding:1rem 1.4rem;background:#f7f8fa;border-left:4px solid #8a1c1c}
.caveats h2{border:0;color:#8a1c1c;margin-bottom:.1rem}
ul{margin:.3rem 0;padding-left:1.2rem}
li{margin:.25rem 0}
code{font:.88em/1.4 ui-monospace,Menlo,Consolas,monospace;background:#f2f4f7;padding:.05rem .3rem;border-radius:3px}
footer{margin-top:2.6rem;color:var(--soft);font-size:.86rem;text-align:center}
.sign{display:flex;gap:2rem;margin-top:3.5rem;text-align:left}
.sign span{flex:2;border-top:1px solid var(--ink);padding-top:.3rem}
.sign span:last-child{flex:1}
@media (max-width:640px){
main{margin:0;padding:1.6rem 1.2rem}
.headline{flex-wrap:wrap}
.figures,.figures tbody,.pairs tbody{display:block}
.figures th,.figures td,.pairs th,.pairs td{display:block;
width:auto!important;border:0;padding:.1rem 0;text-align:left!important}
.figures tr,.pairs tr{display:block;padding:.5rem 0;border-bottom:1px solid #edeff2}}
@media print{
@page{size:auto;margin:16mm}
body{background:#fff;font-size:9.5pt}
main{margin:0;padding:0;max-width:none;border:0;box-shadow:none}
section{margin:1.1rem 0}
h2{break-after:avoid}
tr,.caveats li,.sign{break-inside:avoid}}
"""
