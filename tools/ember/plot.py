#!/usr/bin/env python3
"""Draws the loss of a training as an SVG.   Run:  plot.py LOG_CSV SVG"""
import csv
import math
import sys

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 300, 50, 40, 20


def main():
    rows = list(csv.DictReader(open(sys.argv[1])))
    trained = [(int(r["tokens"]) / 1e6, float(r["loss"])) for r in rows]
    held_out = [(int(r["tokens"]) / 1e6, float(r["held_out_loss"])) for r in rows if r["held_out_loss"]]
    losses = [y for _, y in trained + held_out]
    low, high, most = math.floor(math.log10(min(losses))), math.ceil(math.log10(max(losses))), trained[-1][0]
    x = lambda v: LEFT + v / most * (WIDTH - LEFT - 20)
    y = lambda v: TOP + (high - math.log10(v)) / (high - low) * (HEIGHT - TOP - BOTTOM)
    line = lambda points, colour: (f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="'
                                   + " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in points) + '"/>')
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>']
    for power in range(low, high + 1):
        out.append(f'<path d="M{LEFT} {y(10 ** power):.1f}H{WIDTH - 20}" stroke="#ddd"/>'
                   f'<text x="{LEFT - 6}" y="{y(10 ** power) + 4:.1f}" text-anchor="end">{10 ** power:g}</text>')
    for i in range(5):
        out.append(f'<text x="{x(most * i / 4):.1f}" y="{HEIGHT - 22}" text-anchor="middle">{most * i / 4:.1f}</text>')
    out += [line(trained, "#888"), line(held_out, "#c40"),
            f'<text x="{WIDTH / 2}" y="{HEIGHT - 6}" text-anchor="middle">million tokens</text>',
            f'<text x="{WIDTH - 24}" y="{TOP + 14}" text-anchor="end" fill="#666">training, prompts and answers (weighted)</text>',
            f'<text x="{WIDTH - 24}" y="{TOP + 30}" text-anchor="end" fill="#c40">answers to held-out questions</text>', "</svg>"]
    open(sys.argv[2], "w").write("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
