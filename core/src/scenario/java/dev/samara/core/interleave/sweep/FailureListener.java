// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.sweep;

import dev.samara.core.AddressSpace;
import dev.samara.core.event.Registration;
import dev.samara.core.fixture.ChangeReplay;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.vma.Vma;
import java.util.List;

/**
 * A listener that follows the layout while failures are injected. When it is removed, each change must have arrived, or
 * the loss of a change or a failed call must have been reported.
 */
final class FailureListener implements Registration {
    /** Both reports name the class of the listener. */
    private static final String LISTENER = ChangeReplay.class.getName();

    private final State state;
    private final AddressSpace space;
    private final List<Vma> before;
    private final ChangeReplay replay = new ChangeReplay();
    private final Registration registration;

    FailureListener(State state) {
        this.state = state;
        space = state.space;
        before = space.snapshot().vmas();
        registration = space.addListener(replay);
    }

    @Override
    public void close() {
        registration.close();
        try {
            state.machine.awaitQuiescence();
        } catch (InterruptedException impossible) {
            throw new IllegalStateException(impossible);
        }
        if (state.reports.stream().noneMatch(report -> report.contains(LISTENER))) {
            replay.requireRestOf(before, space);
        }
    }
}
