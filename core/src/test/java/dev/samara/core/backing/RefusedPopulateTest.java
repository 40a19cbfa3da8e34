// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.backing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.fixture.CountingBacking;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.PendingCall;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.Vma;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("I10: a mapping that a backing refuses faults no pages in, though MAP_POPULATE asks for them")
final class RefusedPopulateTest {
    private static final long PAGE = SpaceFixture.PAGE;
    private static final long AT = 0x2000_0000L;
    private static final int FLAGS = MapFlags.PRIVATE | MapFlags.FIXED | MapFlags.POPULATE;

    private final SpaceFixture fixture = new SpaceFixture();
    private final AddressSpace space = fixture.space;
    private final CountingBacking refusing = new CountingBacking("/refusing", 1) {
        @Override
        protected @Nullable Errno askedForOpen(Vma vma) {
            return Errno.ENOMEM;
        }
    };

    @BeforeEach
    void mapped() {
        fixture.map(AT, 1, Protection.READ | Protection.WRITE, SpaceFixture.ANONYMOUS | MapFlags.FIXED, null, 0);
    }

    @AfterEach
    void thePageOfTheOldMappingIsNotThere() {
        byte[] present = new byte[1];
        assertEquals(0, space.mincore(AT, PAGE, present));
        assertEquals(0, present[0]);
    }

    @Test
    void synchronous() {
        assertEquals(Errno.ENOMEM.result(), space.mmap(AT, PAGE, Protection.READ, FLAGS, refusing, 0));
    }

    @Test
    @DisplayName("the asynchronous form is complete")
    void asynchronous() {
        PendingCall refused = space.mmapAsync(AT, PAGE, Protection.READ, FLAGS, refusing, 0);
        assertEquals(Errno.ENOMEM.result(), refused.result());
        assertTrue(refused.isDone());
    }
}
