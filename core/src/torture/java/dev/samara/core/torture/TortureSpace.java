// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.RemapFlags;
import dev.samara.core.vma.Geometry;

/**
 * The space that all actors use, with the areas of the actors: {@link #AREA_PAGES} pages per actor. mmap finds other
 * addresses outside of the areas. An actor that needs two areas takes two.
 */
final class TortureSpace {
    static final Geometry GEOMETRY = Geometry.LINUX_X86_64;
    static final long PAGE = GEOMETRY.pageSize();
    static final int AREA_PAGES = 1024;
    static final int ANYWHERE = MapFlags.PRIVATE | MapFlags.ANONYMOUS;
    static final int FIXED = ANYWHERE | MapFlags.FIXED;
    static final int MOVE_TO = RemapFlags.MAYMOVE | RemapFlags.MREMAP_FIXED;

    private static final long BASE = 0x10_0000_0000L;
    private static final int[] RIGHTS = {
        Protection.NONE, Protection.READ, Protection.READ | Protection.WRITE, Protection.READ | Protection.EXEC
    };

    final Machine machine;
    final AddressSpace space;
    final RandomFailures failures;
    private int areas;

    /** A space without mappings, on a machine whose retirements linger. */
    TortureSpace(long seed, TortureRun run) {
        failures = RandomFailures.slow(seed);
        machine = MachineInternals.machine(
                Machine.builder().reportTo(run::reported), range -> failures.linger(), () -> new NappingLock(failures));
        space = machine.newSpace(GEOMETRY);
    }

    /** Takes an area; before the actors start. */
    long area() {
        return BASE + areas++ * (AREA_PAGES * PAGE);
    }

    /** Rights by number; those of neighbours differ. */
    static int rights(int number) {
        return RIGHTS[number % RIGHTS.length];
    }

    /** For a call that nothing lets fail. */
    static long succeed(long result) {
        if (result < 0 && result >= -4095) {
            throw new IllegalStateException("refused: " + Errno.of(result));
        }
        return result;
    }
}
