// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.emulator.translate.BackgroundTranslator.HotnessPolicy;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The policy that decides which blocks are hot")
final class HotnessPolicyTest {
    @Test
    @DisplayName("waits for more runs of a block with each region that was made, up to a limit")
    void delays() {
        int before = HotnessPolicy.runsWanted(0);
        for (int regions = 1; regions <= 100; regions++) {
            int now = HotnessPolicy.runsWanted(regions);
            assertTrue(now > before, () -> now + " runs");
            before = now;
        }
        assertEquals(before, HotnessPolicy.runsWanted(1L << 40));
    }

    @Test
    @DisplayName("counts the runs that a block lacks, none once it has as many as it needs")
    void missing() {
        HotnessPolicy policy = new HotnessPolicy(false);
        int wanted = HotnessPolicy.runsWanted(2);
        assertEquals(wanted - 7, policy.runsMissing(7, 2));
        assertEquals(0, policy.runsMissing(wanted, 2));
        assertTrue(policy.runsBeforeRequest() <= HotnessPolicy.runsWanted(0), "no request comes too late");
    }

    @Test
    @DisplayName("takes each block for hot that runs again, if it is eager")
    void eager() {
        HotnessPolicy policy = new HotnessPolicy(true);
        assertEquals(2, policy.runsBeforeRequest());
        assertEquals(1, policy.runsBetweenRequests());
        assertEquals(0, policy.runsMissing(2, 1000));
    }
}
