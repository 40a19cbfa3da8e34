// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.fuzz;

import dev.samara.testing.Explored;
import dev.samara.testing.fuzz.FuzzChecks;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class EmulatorFuzzTest {
    @ParameterizedTest
    @EnumSource
    @DisplayName("each input that was a finding once is not one any more")
    void regressions(EmulatorTarget target) throws Exception {
        FuzzChecks.regressions(target);
    }

    @ParameterizedTest
    @Explored(1)
    @EnumSource
    @DisplayName("seeds are accepted, and what is changed of them is accepted or refused by one line about the place")
    void mutations(EmulatorTarget target) throws Exception {
        FuzzChecks.mutations(target);
    }
}
