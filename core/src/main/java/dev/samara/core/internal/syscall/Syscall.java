// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.op.Call;
import dev.samara.core.internal.op.Operation;
import dev.samara.core.internal.space.Layout;
import java.util.concurrent.CompletableFuture;

/** The entry of the calls that change a layout. */
final class Syscall {
    private Syscall() {}

    /**
     * Runs a call and waits until it is complete. The caller must hold no lock.
     *
     * @return the result of the call, or a negated errno
     */
    static long run(Layout layout, Call call) {
        return new Operation(layout, call).run();
    }

    /**
     * Runs a call up to publication; a thread of the machine does the rest and completes the future. The caller must
     * hold no lock.
     *
     * @return a future of the result, which is a negated errno if the call is refused
     */
    static CompletableFuture<Long> start(Layout layout, Call call) {
        return new Operation(layout, call).start();
    }
}
