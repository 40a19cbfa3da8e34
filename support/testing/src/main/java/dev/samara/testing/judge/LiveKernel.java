// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing.judge;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.util.Locale;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A test that compares with the running kernel. It is skipped, with a reason, unless the kernel is Linux 6.18 or newer
 * on x86-64, because older kernels behave differently (e.g. for an {@code mremap} of several VMAs).
 */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.TYPE, ElementType.METHOD})
@Tag("live")
@ExtendWith(LiveKernel.Fits.class)
public @interface LiveKernel {
    /** Skips tests on other kernels. */
    final class Fits implements ExecutionCondition {
        private static final int MAJOR = 6;
        private static final int MINOR = 18;

        /** Called by JUnit. */
        public Fits() {}

        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            String system = System.getProperty("os.name");
            String machine = System.getProperty("os.arch");
            String release = System.getProperty("os.version");
            String found = system + " " + release + " on " + machine;
            return fits(system, machine, release)
                    ? ConditionEvaluationResult.enabled(found)
                    : ConditionEvaluationResult.disabled(String.format(
                            Locale.ROOT,
                            "%s is no kernel to compare with: that is Linux from %d.%d on, on x86-64",
                            found,
                            MAJOR,
                            MINOR));
        }

        /** Returns whether tests can compare with a kernel. */
        static boolean fits(String system, String machine, String release) {
            String[] numbers = release.split("[^0-9]+", -1);
            if (!system.equals("Linux") || !machine.equals("amd64") || numbers.length < 2) {
                return false;
            }
            int major = Integer.parseInt(numbers[0]);
            return major > MAJOR || (major == MAJOR && Integer.parseInt(numbers[1]) >= MINOR);
        }
    }
}
