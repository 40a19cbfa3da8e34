// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.Usage;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;

/** Closes a space without users, and checks that nothing is left of it. */
final class SpaceTeardown {
    private static final Usage NOTHING = new Usage(0, 0, 0, 0, 0, 0, 0);

    private final Machine machine;
    private final AddressSpace space;
    private final long start;
    private final long end;
    private final long committedBefore;

    /**
     * To be made before the first actor maps something.
     *
     * @param space the only space of its machine
     * @param start the lowest address that can be mapped
     * @param end behind the highest
     */
    SpaceTeardown(AddressSpace space, long start, long end) {
        this.space = space;
        this.start = start;
        this.end = end;
        machine = space.machine();
        committedBefore = machine.committed();
    }

    /** Closes the space; after the last actor has stopped. */
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
        int flags = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED_NOREPLACE;
        long whole = space.mmap(start, end - start, Protection.NONE, flags, null, 0);
        leaks.check(whole == start, "the empty space cannot be mapped in one piece: " + whole);
        long anywhere = space.mmap(0, TortureSpace.PAGE, Protection.NONE, TortureSpace.ANYWHERE, null, 0);
        leaks.check(anywhere < 0, "there is room in a space that is full");
        space.close();
    }
}
