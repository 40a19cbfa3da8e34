// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import dev.samara.core.internal.vma.Open;
import java.util.concurrent.atomic.AtomicInteger;

/** An open that counts how often it ended. */
final class CountedOpen extends Open {
    final AtomicInteger ends = new AtomicInteger();

    @Override
    protected void ended() {
        ends.incrementAndGet();
    }
}
