// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import dev.samara.core.AddressSpace;
import dev.samara.core.event.MmuNotifier;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * One reader-writer lock. An operation holds it for writing while it changes the layout, and for reading during the
 * rest, as in Linux's {@code munmap}.
 *
 * <p>Strong if operations take long and only lookups are concurrent with them. Weak with concurrent operations: each
 * waits for the rest of the previous one, whatever range that operation changes. As soon as one operation waits, new
 * lookups may queue behind it.
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
