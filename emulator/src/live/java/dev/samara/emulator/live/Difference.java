// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.live;

import dev.samara.emulator.linux.ExecutionMode;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The first difference of a script.
 *
 * @param execution how the emulator executed it
 * @param step the number of the step; that of all steps for the end
 * @param script the script
 * @param kernel what the kernel answered
 * @param guest what the emulator answered
 */
record Difference(ExecutionMode execution, int step, List<Step> script, String kernel, String guest)
        implements dev.samara.testing.live.Difference<Step> {
    @Override
    public List<Step> steps() {
        return script.subList(0, Math.min(step + 1, script.size()));
    }

    /** Returns the step; null for the end. */
    @Nullable
    Step at() {
        return step < script.size() ? script.get(step) : null;
    }

    /** Returns of which call it is, and whether of its result or of something else. */
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
                return where + (ofKernel[i].startsWith("fd ") ? stateOf(ofKernel[i], ofGuest[i]) : " memory");
            }
        }
        return where + " length";
    }

    /** Returns which word about a descriptor differs. */
    private static String stateOf(String kernel, String guest) {
        String[] ofKernel = kernel.split(" ", -1);
        String[] ofGuest = guest.split(" ", -1);
        String name = "";
        for (int i = 0; i < Math.min(ofKernel.length, ofGuest.length); i++) {
            name = ofKernel[i].matches("[a-z]+") ? ofKernel[i] : name;
            if (!ofKernel[i].equals(ofGuest[i])) {
                break;
            }
        }
        return " state after " + name;
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
