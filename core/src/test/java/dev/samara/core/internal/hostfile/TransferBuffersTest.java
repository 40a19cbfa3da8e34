// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("Of the buffers for transfers")
final class TransferBuffersTest {
    private static final int SIZE = 4096;

    @Test
    @DisplayName("four are in use at most by callers that can do without; the others are not bounded")
    void bounded() {
        TransferBuffers buffers = new TransferBuffers(SIZE);
        List<ByteBuffer> taken = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            taken.add(Objects.requireNonNull(buffers.tryTake()));
        }
        assertNull(buffers.tryTake());
        assertNotNull(buffers.take(0));
        ByteBuffer back = taken.get(2);
        buffers.giveBackTaken(back.position(7));
        ByteBuffer again = Objects.requireNonNull(buffers.tryTake());
        assertSame(back, again);
        assertEquals(SIZE, again.remaining());
        assertNull(buffers.tryTake());
    }
}
