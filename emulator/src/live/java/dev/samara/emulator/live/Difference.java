// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import dev.samara.emulator.linux.RunPlan.ExecutionMode;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The first difference of a script.
 *
 * @param execution how the emulator executed the script
 * @param step the number of the step; the number of steps if the ends differ
 * @param script the script
 * @param kernel the kernel's result
 * @param guest the emulator's result
 */
record Difference(ExecutionMode execution, int step, List<Step> script, String kernel, String guest)
        implements dev.samara.testing.live.Difference<Step> {
    @Override
    public List<Step> steps() {
        return script.subList(0, Math.min(step + 1, script.size()));
    }

    /** Returns the step, or null if the ends differ. */
    @Nullable
    Step at() {
        return step < script.size() ? script.get(step) : null;
    }

    /** Returns the call, and whether its result or something else differs. */
    @Override
    public String kind() {
        Step at = at();
        String where = at instanceof Step.Call call
                ? call.call().text()
                : at == null ? "end" : at.getClass().getSimpleName();
        String[] ofKernel = kernel.split(" \\| ", -1);
        String[] ofGuest = guest.split(" \\| ", -1);
        if (!ofKernel[0].equals(ofGuest[0])) {
            return where + " " + (isNegative(ofKernel[0]) ? ofKernel[0] : "done") + " "
                    + (isNegative(ofGuest[0]) ? ofGuest[0] : "done");
        }
        for (int i = 1; i < Math.min(ofKernel.length, ofGuest.length); i++) {
            if (!ofKernel[i].equals(ofGuest[i])) {
                return where + " memory";
            }
        }
        return where + " length";
    }

    private static boolean isNegative(String answer) {
        return answer.startsWith("-");
    }

    @Override
    public String toString() {
        return ScriptText.of(script) + "# step " + (step + 1) + ": " + (at() == null ? "end" : at()) + "\n# kernel:   "
                + kernel + "\n# emulator: " + guest + "\n";
    }
}
