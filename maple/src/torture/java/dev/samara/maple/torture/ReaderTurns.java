// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Actors of one thread that read, and prefer to run while their range is being edited. */
final class ReaderTurns implements Actor {
    private final List<ActorTurns> editors;
    private final List<Actor> watched = new ArrayList<>();
    private final List<Actor> members = new ArrayList<>();

    ReaderTurns(List<ActorTurns> editors) {
        this.editors = editors;
    }

    /** Adds one that reads what another edits; one may edit for several that read. */
    ReaderTurns of(Actor edited, Actor reader) {
        watched.add(edited);
        members.add(reader);
        return this;
    }

    @Override
    public void step(Random random) {
        Actor current = editors.get(random.nextInt(editors.size())).current();
        int from = random.nextInt(members.size());
        for (int n = from; n < from + members.size(); n++) {
            if (watched.get(n % members.size()) == current) {
                members.get(n % members.size()).step(random);
                return;
            }
        }
        members.get(from).step(random);
    }

    @Override
    public void finish() {
        members.forEach(Actor::finish);
    }
}
