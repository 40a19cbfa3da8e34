// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Errno;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.MapFlags;
import dev.samara.core.vma.Protection;
import dev.samara.core.vma.VmOperations;
import dev.samara.core.vma.Vma;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A backing is asked for each cut, also where one call cuts a mapping twice. The timeout only ends a run that hangs. */
@Timeout(60)
class SplitQuestionsTest {
    private static final long PAGE = Geometry.LINUX_X86_64.pageSize();
    private static final long START = 0x2000_0000_0000L;

    private final AddressSpace space = Machine.builder().build().newSpace(Geometry.LINUX_X86_64);

    /** Notes where it is cut, and may refuse to be cut at one place. */
    private static final class Cuttable implements Backing, VmOperations {
        final List<Long> cuts = new ArrayList<>();
        private final long refused;

        Cuttable(long refused) {
            this.refused = refused;
        }

        @Override
        public @Nullable Errno maySplit(Vma vma, long address) {
            cuts.add(address);
            return address == refused ? Errno.EACCES : null;
        }

        @Override
        public VmOperations operations() {
            return this;
        }

        @Override
        public int major() {
            return 8;
        }

        @Override
        public int minor() {
            return 1;
        }

        @Override
        public long inode() {
            return 1;
        }

        @Override
        public String name() {
            return "/cuttable";
        }
    }

    private Cuttable mapped(long refused) {
        Cuttable backing = new Cuttable(refused);
        int flags = MapFlags.PRIVATE | MapFlags.FIXED;
        assertEquals(START, space.mmap(START, 8 * PAGE, Protection.READ, flags, backing, 0));
        return backing;
    }

    @Test
    @DisplayName("munmap of the middle asks about both edges, the second of a piece that is not published")
    void munmapOfTheMiddle() {
        Cuttable backing = mapped(0);
        assertEquals(0, space.munmap(START + 2 * PAGE, 2 * PAGE));
        assertEquals(List.of(START + 2 * PAGE, START + 4 * PAGE), backing.cuts);
        assertEquals(2, space.usage().maps());
    }

    @Test
    @DisplayName("a refusal of the second cut leaves the first")
    void secondCutRefused() {
        Cuttable backing = mapped(START + 4 * PAGE);
        assertEquals(Errno.EACCES.result(), space.munmap(START + 2 * PAGE, 2 * PAGE));
        assertEquals(List.of(START + 2 * PAGE, START + 4 * PAGE), backing.cuts);
        assertEquals(8 * PAGE, space.usage().total() * PAGE);
    }

    @Test
    @DisplayName("MAP_FIXED over the middle asks about both edges")
    void replacedInTheMiddle() {
        Cuttable backing = mapped(0);
        int flags = MapFlags.PRIVATE | MapFlags.ANONYMOUS | MapFlags.FIXED;
        assertEquals(START + 2 * PAGE, space.mmap(START + 2 * PAGE, 2 * PAGE, Protection.READ, flags, null, 0));
        assertEquals(List.of(START + 2 * PAGE, START + 4 * PAGE), backing.cuts);
        assertEquals(3, space.usage().maps());
    }
}
