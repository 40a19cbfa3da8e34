// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.Usage;
import dev.samara.core.mman.Errno;

/** Closes a space without users, and checks that nothing is left of it. */
final class SpaceTeardown {
    private static final Usage NOTHING = new Usage(0, 0, 0, 0, 0, 0, 0);

    private final Machine machine;
    private final AddressSpace space;
    private final long start;
    private final long end;
    private final long committedBefore;

    /**
     * Must be created before the first actor maps something.
     *
     * @param space the only space of its machine
     * @param start the lowest address that can be mapped
     * @param end the exclusive end of the addresses that can be mapped
     */
    SpaceTeardown(AddressSpace space, long start, long end) {
        this.space = space;
        this.start = start;
        this.end = end;
        machine = space.machine();
        committedBefore = machine.committed();
    }

    /** Closes the space, after the last actor stopped. */
    void close(Checker leaks) throws InterruptedException {
        space.validate();
        space.close();
        machine.awaitQuiescence();
        space.validate();
        Usage usage = space.usage();
        leaks.check(usage.equals(NOTHING), "after close: " + usage);
        leaks.check(space.snapshot().vmas().isEmpty(), "mappings after close");
        long committed = machine.committed();
        leaks.check(committed == committedBefore, committed + " bytes committed, " + committedBefore + " before");
        boolean isFree = MachineInternals.layoutOf(space).whole().tree.isFree(start, end - 1);
        leaks.check(isFree, "a range of the closed space is still reserved");
        long refused = space.munmap(start, end - start);
        leaks.check(refused == Errno.ESRCH.result(), "a closed space has answered " + refused);
        space.close();
    }
}
