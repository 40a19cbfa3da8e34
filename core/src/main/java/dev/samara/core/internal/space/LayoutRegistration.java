// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.space;

import dev.samara.core.event.Registration;

/** One addition of a listener or notifier to a space; its removal takes the layout lock. */
final class LayoutRegistration implements Registration {
    private final Layout layout;
    private final Object callback;

    /** Needs the layout lock. */
    private final Runnable removal;

    LayoutRegistration(Layout layout, Object callback, Runnable removal) {
        this.layout = layout;
        this.callback = callback;
        this.removal = removal;
    }

    @Override
    public void close() {
        layout.lock();
        try {
            removal.run();
        } finally {
            layout.unlock();
        }
    }

    @Override
    public String toString() {
        return "registration of " + callback.getClass().getName();
    }
}
