// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/** Makes a script that differs shorter, as long as what is left differs. */
final class Shrinker {
    private final Predicate<List<Step>> differs;

    Shrinker(Predicate<List<Step>> differs) {
        this.differs = differs;
    }

    /** Returns a shorter script that differs; the first step stays. */
    List<Step> shrink(List<Step> script) {
        List<Step> shortest = script;
        int before;
        do {
            before = shortest.size();
            shortest = simplify(drop(shortest));
        } while (shortest.size() < before);
        return shortest;
    }

    /** Drops runs of steps, long ones first. */
    private List<Step> drop(List<Step> script) {
        List<Step> rest = script;
        for (int length = Math.max(1, rest.size() / 2); length > 0; length /= 2) {
            for (int from = rest.size() - length; from > 0; from--) {
                List<Step> fewer = new ArrayList<>(rest.subList(0, from));
                fewer.addAll(rest.subList(Math.min(from + length, rest.size()), rest.size()));
                if (fewer.size() < rest.size() && differs.test(fewer)) {
                    rest = fewer;
                    from = Math.min(from, rest.size());
                }
            }
        }
        return rest;
    }

    private List<Step> simplify(List<Step> script) {
        List<Step> simpler = new ArrayList<>(script);
        for (int i = 0; i < simpler.size(); i++) {
            for (int argument = 0; argument < simpler.get(i).arguments().size(); argument++) {
                simplify(simpler, i, argument);
            }
        }
        return simpler;
    }

    private void simplify(List<Step> script, int index, int argument) {
        Step step = script.get(index);
        for (long value :
                step.verb().kinds().get(argument).simpler(step.arguments().get(argument))) {
            script.set(index, step.with(argument, value));
            if (differs.test(script)) {
                return;
            }
        }
        script.set(index, step);
    }
}
