// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import dev.samara.core.live.file.FaultScript.Finding;
import dev.samara.interleave.failure.HostFault;
import dev.samara.testing.live.Difference;
import java.util.List;
import java.util.stream.Collectors;

/**
 * A run with a host fault that violates a rule.
 *
 * @param finding the fault and the violation
 * @param steps the script, whose first step is a machine
 */
record FaultDifference(Finding finding, List<Step> steps) implements Difference<Step> {
    FaultDifference {
        steps = List.copyOf(steps);
    }

    @Override
    public String kind() {
        HostFault fault = finding.fault();
        return fault.isNone() ? "without a fault" : fault.call() + " " + fault.way();
    }

    @Override
    public String toString() {
        return steps.stream().map(Step::toString).collect(Collectors.joining("\n")) + "\n# " + finding;
    }
}
