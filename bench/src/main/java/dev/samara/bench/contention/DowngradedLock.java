// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import dev.samara.core.AddressSpace;
import dev.samara.core.event.MmuNotifier;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * One reader-writer lock, held for writing while the layout is changed and for reading during the rest, as Linux's
 * {@code munmap} does.
 *
 * <p>Strong where operations take long and only look-ups are beside them. Weak where there are other operations: each
 * waits for the rest of the one before, wherever that is; and as soon as one waits, new look-ups may queue behind it.
 */
final class DowngradedLock extends ReadLocked {
    DowngradedLock(AddressSpace space, @Nullable MmuNotifier retire) {
        super(space, retire);
    }

    @Override
    long operate(long address, LongSupplier call) {
        long result;
        Rest rest;
        write.lock();
        try {
            result = change(address, call);
            rest = takeRest();
            if (rest == null) {
                return result;
            }
            read.lock();
        } finally {
            write.unlock();
        }
        try {
            finish(rest);
        } finally {
            read.unlock();
        }
        return result;
    }
}
