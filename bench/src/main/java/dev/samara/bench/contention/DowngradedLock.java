// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import dev.samara.core.AddressSpace;
import dev.samara.core.event.MmuNotifier;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * One reader-writer lock, held for writing while the layout is changed and for reading during the rest, as in Linux's
 * {@code munmap}.
 *
 * <p>Strong where operations take long and only lookups are beside them. Weak beside other operations: each waits for
 * the rest of the previous one, wherever that is. As soon as one waits, new lookups may queue after it.
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
