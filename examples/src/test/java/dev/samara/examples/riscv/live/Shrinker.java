// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.live;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Makes a script shorter while it still has the same difference. */
final class Shrinker {
    private final Comparison comparison;
    private final int most;
    private int runs;

    Shrinker(Comparison comparison, int most) {
        this.comparison = comparison;
        this.most = most;
    }

    Comparison.Difference shrink(Comparison.Difference found) throws IOException {
        Comparison.Difference best = found;
        Comparison.Difference cut = tried(
                best.script().subList(0, Math.min(best.step() + 1, best.script().size())), best);
        best = cut == null ? best : cut;
        for (int part = Math.max(best.script().size() / 2, 1); part >= 1; part /= 2) {
            for (int from = best.script().size() - part; from >= 0; from -= part) {
                List<Step> shorter = new ArrayList<>(best.script());
                shorter.subList(Math.min(from, shorter.size()), Math.min(from + part, shorter.size()))
                        .clear();
                Comparison.Difference still = shorter.size() < best.script().size() ? tried(shorter, best) : null;
                best = still == null ? best : still;
            }
        }
        return simplified(best);
    }

    private Comparison.Difference simplified(Comparison.Difference found) throws IOException {
        Comparison.Difference best = found;
        for (int i = 0; i < best.script().size(); i++) {
            if (best.script().get(i) instanceof Step.Call call) {
                for (int k = 0; k < call.arguments().size(); k++) {
                    if (best.script().get(i) instanceof Step.Call now
                            && now.arguments().get(k) instanceof Argument.Numeric number
                            && number.value() != 0) {
                        for (long value : new long[] {0, 1, number.value() & 0xffff}) {
                            List<Argument> arguments = new ArrayList<>(now.arguments());
                            arguments.set(k, new Argument.Numeric(value));
                            List<Step> simpler = new ArrayList<>(best.script());
                            simpler.set(i, new Step.Call(now.task(), now.way(), now.call(), arguments));
                            Comparison.Difference still = value == number.value() ? null : tried(simpler, best);
                            if (still != null) {
                                best = still;
                                break;
                            }
                        }
                    }
                }
            }
        }
        return best;
    }

    private Comparison.@Nullable Difference tried(List<Step> script, Comparison.Difference of) throws IOException {
        if (script.isEmpty() || runs++ > most) {
            return null;
        }
        Comparison.Difference found = comparison.run(List.copyOf(script));
        return found != null && found.kind().equals(of.kind()) ? found : null;
    }
}
