// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;

/**
 * The space that all actors use, with the areas of the actors: {@link #AREA_PAGES} pages per actor. mmap also finds
 * addresses outside the areas. An actor that needs two areas reserves two.
 */
final class TortureSpace {
    static final Geometry GEOMETRY = Geometry.LINUX_X86_64;
    static final long PAGE = GEOMETRY.pageSize();
    static final int AREA_PAGES = 1024;
    static final int ANYWHERE = Mman.PRIVATE | Mman.ANONYMOUS;
    static final int FIXED = ANYWHERE | Mman.FIXED;
    static final int MOVE_TO = Mman.MAYMOVE | Mman.MREMAP_FIXED;

    private static final long BASE = 0x10_0000_0000L;
    private static final int[] RIGHTS = {Mman.NONE, Mman.READ, Mman.READ | Mman.WRITE, Mman.READ | Mman.EXEC};

    final Machine machine;
    final AddressSpace space;
    final RandomFailures failures;
    private int areas;

    /** Creates a space without mappings, on a machine whose retirements are slow. */
    TortureSpace(long seed, TortureRun run) {
        failures = RandomFailures.slow(seed);
        machine = MachineInternals.machine(
                Machine.builder().reportTo(run::reported), range -> failures.linger(), () -> new NappingLock(failures));
        space = machine.newSpace(GEOMETRY);
    }

    /** Reserves an area. Must be called before the actors start. */
    long area() {
        return BASE + areas++ * (AREA_PAGES * PAGE);
    }

    /** Returns rights by number; successive numbers have different rights. */
    static int rights(int number) {
        return RIGHTS[number % RIGHTS.length];
    }

    /** Checks the result of a call that must not fail, and returns the result. */
    static long succeed(long result) {
        if (result < 0 && result >= -4095) {
            throw new IllegalStateException("refused: " + Errno.of(result));
        }
        return result;
    }
}
