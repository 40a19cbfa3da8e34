// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import dev.samara.core.AddressSpace;
import dev.samara.core.event.MmuNotifier;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * One reader-writer lock, held for writing during each whole operation, as in most emulators.
 *
 * <p>Strong if no thread writes and few threads read. It is simple, and no thread ever sees a partial operation. Weak
 * if operations take long: all threads wait, even for the close of another thread's file. Also weak if many threads
 * read: each read writes the lock's word.
 */
final class WholeLock extends ReadLocked {
    WholeLock(AddressSpace space, @Nullable MmuNotifier retire) {
        super(space, retire);
    }

    @Override
    long operate(long address, LongSupplier call) {
        write.lock();
        try {
            long result = change(address, call);
            finish(takeRest());
            return result;
        } finally {
            write.unlock();
        }
    }
}
