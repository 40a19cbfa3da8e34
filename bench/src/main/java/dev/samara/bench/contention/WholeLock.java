// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import dev.samara.core.AddressSpace;
import dev.samara.core.event.MmuNotifier;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * One reader-writer lock, held for writing through the whole of each operation, as in most emulators.
 *
 * <p>Strong where no thread writes and few read: simple, and no operation is ever half done. Weak where an operation
 * takes long, since every thread waits for the close of another thread's file. Also weak where many read, since readers
 * share the lock's word.
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
