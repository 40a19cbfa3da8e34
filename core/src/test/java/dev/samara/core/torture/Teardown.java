// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.Usage;

/** What must be left of a space once nobody uses it: nothing. Opens of backings and reservations belong here too. */
final class Teardown {
    private static final Usage NOTHING = new Usage(0, 0, 0, 0, 0, 0, 0);

    private final Ground ground;
    private final long committedBefore;

    /** To be made before the first actor maps something. */
    Teardown(Ground ground) {
        this.ground = ground;
        committedBefore = ground.machine.committed();
    }

    /** Closes the space; after the last actor has stopped. */
    void close(Checker leaks) {
        ground.space.validate();
        ground.space.close();
        ground.space.validate();
        Usage usage = ground.space.usage();
        leaks.check(usage.equals(NOTHING), "after close: " + usage);
        leaks.check(ground.space.snapshot().vmas().isEmpty(), "mappings after close");
        long committed = ground.machine.committed();
        leaks.check(committed == committedBefore, committed + " bytes committed, " + committedBefore + " before");
    }
}
