// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.event.Registration;
import dev.samara.core.internal.sync.StackReserve;

/** The registration of a listener or notifier with a space. Closing it takes the layout lock. */
final class LayoutRegistration implements Registration {
    private final Districts districts;
    private final Object callback;

    /** Run under the layout lock. */
    private final Runnable removal;

    /** Run without the lock, after each removal. */
    private final Runnable afterRemoval;

    LayoutRegistration(Districts districts, Object callback, Runnable removal, Runnable afterRemoval) {
        this.districts = districts;
        this.callback = callback;
        this.removal = removal;
        this.afterRemoval = afterRemoval;
    }

    @Override
    public void close() {
        // Checked before anything is changed, because the scheduling must not stop half-way.
        StackReserve.check(StackReserve.MANY);
        District locked = districts.lockWhole();
        try {
            removal.run();
        } finally {
            locked.unlock();
        }
        afterRemoval.run();
    }

    @Override
    public String toString() {
        return "registration of " + callback.getClass().getName();
    }
}
