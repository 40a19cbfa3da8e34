// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import java.util.List;
import java.util.stream.Collectors;

/**
 * A difference between the library and the kernel.
 *
 * @param script the steps of the script; the first one is a machine
 * @param step the index of the step, or the number of all steps for a difference at the end
 * @param what the difference
 * @param isThrown whether a call threw an exception
 */
record Difference(List<Step> script, int step, String what, boolean isThrown)
        implements dev.samara.testing.live.Difference<Step> {
    Difference {
        script = List.copyOf(script);
    }

    @Override
    public List<Step> steps() {
        return script.subList(0, Math.min(script.size(), step + 1));
    }

    @Override
    public String kind() {
        String where = step < script.size() ? script.get(step).verb().word() : "end";
        return where + (isThrown ? " throws" : " differs");
    }

    @Override
    public String toString() {
        return steps().stream().map(Step::toString).collect(Collectors.joining("\n")) + "\n# " + what;
    }
}
