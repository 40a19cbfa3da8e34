// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The result of a call of the host that another thread makes")
final class HostCallsTest {
    /** A call of the host whose first waits run out of memory. */
    private static final class WithoutMemory extends CompletableFuture<Integer> {
        private int waits;

        @Override
        public Integer get() throws InterruptedException, ExecutionException {
            if (++waits < 3) {
                throw new OutOfMemoryError("for the wait");
            }
            complete(7);
            return super.get();
        }
    }

    @Test
    @DisplayName("is waited for though there is no memory for a wait: the call still uses its buffer")
    void withoutMemory() throws IOException {
        WithoutMemory call = new WithoutMemory();
        assertEquals(7, HostCalls.result(call));
        assertEquals(3, call.waits);
    }

    @Test
    @DisplayName("is the call's own failure, also if that is an error")
    void failures() {
        IOException broken = new IOException("Input/output error");
        assertEquals(broken, assertThrows(IOException.class, () -> HostCalls.result(failed(broken))));
        OutOfMemoryError own = new OutOfMemoryError("of the call");
        assertEquals(own, assertThrows(OutOfMemoryError.class, () -> HostCalls.result(failed(own))));
        IllegalStateException other = new IllegalStateException("lent, and closed");
        assertEquals(
                other,
                assertThrows(IOException.class, () -> HostCalls.result(failed(other)))
                        .getCause());
    }

    private static CompletableFuture<Integer> failed(Throwable with) {
        return CompletableFuture.failedFuture(with);
    }
}
