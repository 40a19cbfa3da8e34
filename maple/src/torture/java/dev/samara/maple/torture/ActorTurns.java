// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

import java.util.List;
import java.util.Random;

/**
 * Several actors of one thread, which go by turns. Few threads meet more often than many, which wait for one another as
 * soon as there are more of them than processors.
 */
final class ActorTurns implements Actor {
    private final List<Actor> members;

    /** Whose turn it is. Racy, benign because it only says where it is interesting. */
    private volatile Actor current;

    ActorTurns(List<Actor> members) {
        this.members = members;
        current = members.get(0);
    }

    Actor current() {
        return current;
    }

    @Override
    public void step(Random random) {
        Actor next = members.get(random.nextInt(members.size()));
        current = next;
        next.step(random);
    }

    @Override
    public void finish() {
        members.forEach(Actor::finish);
    }
}
