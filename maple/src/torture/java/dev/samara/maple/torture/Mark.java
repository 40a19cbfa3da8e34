// SPDX-License-Identifier: Apache-2.0
package dev.samara.maple.torture;

/**
 * A value of the tree, which names the actor that stored it, the place, and the number in the sequence. Its fields are
 * not final on purpose: a reader must see them as they were when it was stored.
 */
final class Mark {
    private Object actor;
    private int place;
    private int number;
    private int check;

    /**
     * A mark to be stored.
     *
     * @param actor whose it is
     * @param place one of the actor's
     * @param number counts what the actor did there
     */
    Mark(Object actor, int place, int number) {
        this.actor = actor;
        this.place = place;
        this.number = number;
        check = check(place, number);
    }

    private static int check(int place, int number) {
        return ~(31 * place + number);
    }

    /** Whether this is the actor's and all of it is here. */
    boolean isOf(Object who) {
        return who == actor && check == check(place, number);
    }

    int place() {
        return place;
    }

    int number() {
        return number;
    }

    @Override
    public String toString() {
        return actor.getClass().getSimpleName() + " " + place + " #" + number
                + (check == check(place, number) ? "" : " (not whole)");
    }
}
