// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.fixture.CountingBacking;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("An open goes to the VMA that takes another one's place because it changes, and to no other")
final class OpenHandedOnTest {
    private static final long PAGE = 0x1000;
    private static final long PLACE = 0x1000_0000L;
    private static final int FIXED = Mman.PRIVATE | Mman.FIXED;

    private final Machine machine = Machine.builder().build();
    private final AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
    private final CountingBacking backing = new CountingBacking("/a", 1);

    @BeforeEach
    void map() {
        assertEquals(PLACE, space.mmap(PLACE, 4 * PAGE, Mman.READ, FIXED, backing, 0));
    }

    private void expect(int opens, int closes) throws InterruptedException {
        machine.awaitQuiescence();
        assertEquals(opens, backing.opens(), "opens");
        assertEquals(closes, backing.closes(), "closes");
        assertEquals(opens - closes, backing.stillOpen());
    }

    @Test
    @DisplayName("other rights, a shorter end, a lock and a seal ask and tell nothing")
    void changes() throws InterruptedException {
        assertEquals(0, space.mprotect(PLACE, 4 * PAGE, Mman.READ | Mman.WRITE));
        assertEquals(0, space.munmap(PLACE + 3 * PAGE, PAGE));
        assertEquals(0, space.mlock(PLACE, 3 * PAGE));
        assertEquals(0, space.mseal(PLACE, 3 * PAGE, 0));
        expect(1, 0);
    }

    @Test
    @DisplayName("a mapping that replaces one of the same backing opens it anew, and the replaced one is closed")
    void replaced() throws InterruptedException {
        assertEquals(PLACE, space.mmap(PLACE, 4 * PAGE, Mman.READ, FIXED, backing, 8 * PAGE));
        expect(2, 1);
        assertEquals(PLACE, space.mmap(PLACE, 4 * PAGE, Mman.READ, FIXED, backing, 8 * PAGE));
        expect(3, 2);
    }

    @Test
    @DisplayName("of one that is replaced in its middle, a remaining piece keeps the open")
    void replacedInTheMiddle() throws InterruptedException {
        assertEquals(PLACE + PAGE, space.mmap(PLACE + PAGE, PAGE, Mman.READ, FIXED, backing, 8 * PAGE));
        expect(3, 0);
        space.close();
        expect(3, 3);
    }

    @Test
    @DisplayName("a second half gets its own, and gives it back when the halves are one again")
    void cutAndJoined() throws InterruptedException {
        assertEquals(0, space.mprotect(PLACE + 2 * PAGE, 2 * PAGE, Mman.NONE));
        expect(2, 0);
        assertEquals(0, space.mprotect(PLACE + 2 * PAGE, 2 * PAGE, Mman.READ));
        expect(2, 1);
    }
}
