// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** A command line of pairs: {@code --name value}. */
final class Arguments {
    private final Map<String, String> given = new HashMap<>();
    private final Set<String> known = new TreeSet<>();

    Arguments(String[] words) {
        if (words.length % 2 != 0) {
            throw new IllegalArgumentException("each option needs a value: " + Arrays.toString(words));
        }
        for (int i = 0; i < words.length; i += 2) {
            given.put(words[i], words[i + 1]);
        }
    }

    String text(String name, String otherwise) {
        known.add(name);
        return given.getOrDefault(name, otherwise);
    }

    double number(String name, double otherwise) {
        return Double.parseDouble(text(name, Double.toString(otherwise)));
    }

    int count(String name, int otherwise) {
        return Integer.parseInt(text(name, Integer.toString(otherwise)));
    }

    List<String> list(String name, String otherwise) {
        return List.of(text(name, otherwise).split(","));
    }

    /** Refuses what nobody has asked for; called when everything has been. */
    void check() {
        for (String name : given.keySet()) {
            if (!known.contains(name)) {
                throw new IllegalArgumentException("no option " + name + "; there are " + known);
            }
        }
    }
}
