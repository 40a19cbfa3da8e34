// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.assertFault;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.Watchpoint;
import dev.samara.core.event.WatchpointFixture;
import dev.samara.core.mman.Fault;
import java.nio.ByteBuffer;
import java.nio.ReadOnlyBufferException;
import java.util.Random;
import java.util.function.IntFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@Timeout(value = 300, threadMode = Timeout.ThreadMode.SAME_THREAD)
@DisplayName("Copies between guest memory and a buffer")
final class BufferCopiesTest extends WatchpointFixture {
    private static final int LENGTH = (int) (2 * PAGE);
    private static final int OFFSET = 100;

    /** The bytes of a buffer before its position and after its limit. */
    private static final int MARGIN = 7;

    /** Buffers of {@code LENGTH} remaining bytes, with a margin. */
    static Stream<Named<IntFunction<ByteBuffer>>> buffers() {
        return Stream.of(
                Named.of("heap", ByteBuffer::allocate),
                Named.of("slice", capacity -> ByteBuffer.allocate(capacity + 3).slice(3, capacity)),
                Named.of("direct", ByteBuffer::allocateDirect));
    }

    private static ByteBuffer make(IntFunction<ByteBuffer> maker) {
        return maker.apply(LENGTH + 2 * MARGIN).position(MARGIN).limit(MARGIN + LENGTH);
    }

    private static byte[] random(int length) {
        byte[] bytes = new byte[length];
        new Random(11).nextBytes(bytes);
        return bytes;
    }

    @ParameterizedTest
    @MethodSource("buffers")
    @DisplayName("copy all remaining bytes, advance the position, and leave the bytes around it")
    void copyRemaining(IntFunction<ByteBuffer> maker) {
        byte[] bytes = random(LENGTH);
        ByteBuffer source = make(maker);
        source.put(bytes).position(MARGIN);
        assertEquals(LENGTH, memory.copyIn(at + OFFSET, source));
        assertEquals(MARGIN + LENGTH, source.position());
        byte[] seen = new byte[LENGTH];
        assertEquals(LENGTH, memory.copyOut(at + OFFSET, seen, 0, LENGTH));
        assertArrayEquals(bytes, seen);

        ByteBuffer target = make(maker);
        assertEquals(LENGTH, memory.copyOut(at + OFFSET, target));
        assertEquals(MARGIN + LENGTH, target.position());
        byte[] all = new byte[LENGTH + 2 * MARGIN];
        System.arraycopy(bytes, 0, all, MARGIN, LENGTH);
        byte[] whole = new byte[all.length];
        target.clear().get(whole);
        assertArrayEquals(all, whole);
        assertFault(Fault.NONE, memory.fault());
        assertEquals(0, memory.copyOut(at, target.limit(target.position())), "nothing remains");
    }

    @ParameterizedTest
    @MethodSource("buffers")
    @DisplayName("end at a page that forbids them, with the fault and the position of the copied part")
    void partial(IntFunction<ByteBuffer> maker) {
        assertEquals(0, space.mprotect(at + PAGE, PAGE, READ));
        ByteBuffer source = make(maker);
        assertEquals(PAGE - OFFSET, memory.copyIn(at + OFFSET, source));
        assertFault(Fault.ACCERR, memory.fault());
        assertEquals(at + PAGE, memory.faultAddress());
        assertEquals(MARGIN + PAGE - OFFSET, source.position());

        assertEquals(0, space.munmap(at + PAGE, PAGE));
        ByteBuffer target = make(maker);
        assertEquals(PAGE - OFFSET, memory.copyOut(at + OFFSET, target));
        assertFault(Fault.MAPERR, memory.fault());
        assertEquals(MARGIN + PAGE - OFFSET, target.position());
    }

    @Test
    @DisplayName("may read a read-only buffer, and refuse to write one")
    void readOnly() {
        byte[] bytes = random(LENGTH);
        ByteBuffer source = ByteBuffer.wrap(bytes).asReadOnlyBuffer();
        assertThrows(ReadOnlyBufferException.class, () -> memory.copyOut(at, source));
        assertEquals(0, source.position());
        assertEquals(LENGTH, memory.copyIn(at, source));
        byte[] seen = new byte[LENGTH];
        assertEquals(LENGTH, memory.copyOut(at, seen, 0, LENGTH));
        assertArrayEquals(bytes, seen);
    }

    @Test
    @DisplayName("tell watchers of the watched part of each page")
    @SuppressWarnings("try") // used only for its close
    void watched() {
        Watchpoint watch = space.watch(at + PAGE - 4, 8, as("w"));
        assertEquals(LENGTH, memory.copyIn(at, ByteBuffer.allocateDirect(LENGTH)));
        assertTold("w 0 " + PAGE, "w " + PAGE + " " + PAGE);
        assertEquals(LENGTH, memory.copyOut(at, ByteBuffer.allocate(LENGTH)));
        assertTold();
        watch.close();
    }

    @Test
    @DisplayName("keep the reason of their end until another access fails or another copy begins")
    void reason() {
        byte[] one = new byte[1];
        assertEquals(0, memory.copyOut(0, one, 0, 1));
        assertFault(Fault.MAPERR, memory.fault());
        assertFault(Fault.NONE, memory.load(at, 8));
        assertFault(Fault.MAPERR, memory.fault());
        assertEquals(1, memory.copyOut(at, one, 0, 1));
        assertFault(Fault.NONE, memory.fault());
        assertFault(Fault.ADRALN, memory.loadVolatile(at + 1, 8));
        assertFault(Fault.ADRALN, memory.fault());
    }
}
