// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.internal.sync.Housekeeping;

/** The agent that a machine gives to its embedder. */
final class MachineHousekeeping implements HousekeepingAgent {
    private final Housekeeping housekeeping;

    MachineHousekeeping(Housekeeping housekeeping) {
        this.housekeeping = housekeeping;
    }

    @Override
    public int doWork() {
        return housekeeping.doWork();
    }

    @Override
    public String toString() {
        return "the housekeeping of a machine";
    }
}
