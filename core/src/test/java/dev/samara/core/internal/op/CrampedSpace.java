// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.AddressSpace;
import dev.samara.core.AddressSpaceBuilder;
import dev.samara.core.Machine;
import dev.samara.core.fixture.OpenFiles;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.List;

/** Spaces in which all but a few ranges is taken, so that placement has to choose among those. */
final class CrampedSpace {
    private static final long TAKEN = VmaFlags.MAYREAD | VmaFlags.MAYSHARE | VmaFlags.SHARED;

    private CrampedSpace() {}

    /**
     * A list to load that takes all but the given ranges.
     *
     * @param geometry of the space
     * @param free start and end of each free range, ascending
     * @return mappings without access of a file, which continue nothing that a test maps
     */
    static List<Vma> allBut(Geometry geometry, long... free) {
        List<Vma> taken = new ArrayList<>();
        long start = 0;
        for (int i = 0; i < free.length; i += 2) {
            take(geometry, taken, start, free[i]);
            start = free[i + 1];
        }
        take(geometry, taken, start, geometry.limit());
        return taken;
    }

    private static void take(Geometry geometry, List<Vma> taken, long start, long end) {
        if (start != end) {
            taken.add(VmArea.describe(start, end, TAKEN, geometry.pages(start), OpenFiles.A, null, null));
        }
    }

    /** A space with default limits in which only the given ranges are free. */
    static AddressSpace withFree(Geometry geometry, long... free) {
        return builder(geometry, free).build();
    }

    /** A builder of a space in which only the given ranges are free; the caller sets its limits. */
    static AddressSpaceBuilder builder(Geometry geometry, long... free) {
        return Machine.builder().build().space(geometry).load(allBut(geometry, free));
    }
}
