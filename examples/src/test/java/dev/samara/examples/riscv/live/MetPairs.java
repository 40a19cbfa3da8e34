// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.live;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** The errors that the kernel gave, for each call. */
final class MetPairs {
    private final Map<String, Map<Integer, Integer>> met = new TreeMap<>();

    void add(List<Step> script, ScriptRun.Answers answers) {
        for (int i = 0; i < script.size() && i < answers.steps().size(); i++) {
            if (script.get(i) instanceof Step.Call call && call.way() != Step.Way.BEGUN) {
                add(call.call(), answers.steps().get(i));
            }
        }
    }

    private void add(JudgedCall call, String answer) {
        int end = answer.indexOf(' ');
        String result = end < 0 ? answer : answer.substring(0, end);
        int error = result.matches("-[0-9]{1,3}") ? -Integer.parseInt(result) : 0;
        met.computeIfAbsent(call.text(), any -> new TreeMap<>()).merge(error, 1, Integer::sum);
    }

    Set<String> all() {
        Set<String> found = new TreeSet<>();
        met.forEach(
                (call, errors) -> errors.keySet().forEach(error -> found.add(call + " " + LinuxErrors.name(error))));
        return found;
    }
}
