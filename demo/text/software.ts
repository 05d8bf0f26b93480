import type { TopicText } from './topic-text.ts';

export const software: TopicText = {
  topic: 'Software',
  articles: [
    {
      title: 'The code nobody deletes',
      by: 'Ifeoma Adeyemi',
      standfirst: 'Every team has a function that everyone is afraid of. Ours was called “legacy_fix2”.',
      paragraphs: [
        'It was eleven lines long. It took a date, subtracted a day if the month was March, and added the day again if the customer’s number ended in a seven. It ran on every invoice. Nobody who worked with us had written it, and the one test that covered it asserted only that it did not throw.',
        'There is a saying that one should not remove a fence before knowing why it was put up. It is good advice and has an unspoken second half: go and find out. We had all taken the first half as permission to leave the fence alone for nine years.',
        'Finding out took an afternoon. The version history pointed to a ticket, the ticket to a name, the name to a retired accountant in Graz who answered the phone on the second ring. A printer, she said. There had been a printer that could not feed paper on the first of March, and a customer in the seventies who had two.',
        'We deleted the function on a Friday, because after nine years one may allow oneself something. Nothing happened. That is the whole reward, and it is larger than it sounds.',
      ],
      comments: [
        'Ours is called `do_not_touch` and it is touched every single sprint.',
        'Somewhere there is a printer that has just started to feed paper correctly and does not know why.',
        'I keep a folder of commits that only delete lines. I read it on bad days.',
        'Calling the accountant is the step that everyone skips. People remember much more than tickets do.',
      ],
    },
    {
      title: 'Names are the last thing to go wrong',
      by: 'Ifeoma Adeyemi',
      standfirst:
        'A variable called “data” has never caused an outage by itself. It only made sure nobody saw one coming.',
      paragraphs: [
        'When something breaks at night, nobody reads the architecture document. They read names. A person who has been awake for eight minutes looks at `retryCount`, believes it, and loses an hour, because since a change in spring it has been counting something else.',
        'Bad names are rarely chosen. They become bad: the thing moves and the label stays. That is why the review of a change should include the names it did not touch. If the function now also sends the mail, it is no longer `validateAddress`, however small the diff would look.',
        'A good name is short where it is used often and long where it is used once. It says what a thing is for rather than what it is made of. And it uses the word that the people who pay for the program use, even if engineers have a nicer one; two vocabularies are how two teams come to build the same feature.',
        'If you cannot find a name, do not settle for a vague one. Take it as news. Most of the time it means that there are two things there, and neither of them is called `manager`.',
      ],
      comments: [
        'I have renamed `utils` to what it really is. It is now four modules, and one of them was dead.',
        'Eight minutes awake is generous. I have debugged things in a towel.',
        'Disagree slightly: a consistent bad name beats a good one used in only half of the places.',
        'We have a glossary in the repository, in plain words, and a new colleague fixed three entries in her first week. Best document we own.',
      ],
    },
    {
      title: 'A cache is a promise to forget',
      by: 'Samuel Okonjo',
      standfirst: 'Keeping an answer is easy. The craft is in knowing the moment it stopped being one.',
      paragraphs: [
        'Anyone can make a page fast by not making it again. The first version of every cache is four lines and a Friday afternoon. The second version, some months later, is a support ticket with a screenshot of a price that has not been true since Tuesday.',
        'The usual medicine is a clock: keep it for five minutes, and be wrong for at most five. It is honest, and for a weather map it is enough. But watch what it does to an editor who presses save, looks at the page, sees the old text, and presses save again. To the person who made the change, five minutes is not a tolerance. It is a bug.',
        'The other medicine is to write down what each answer was made from. This box shows comment seven; that list shows this box; the page shows the list. When comment seven changes, you do not search for the pages that mention it. You change one small secret that they were all built on, and whatever was made from the old one can no longer be found.',
        'Nothing is deleted. The old pages are simply not asked for again, and are swept out with the dust. I find that a comforting thought about a good many things besides caches.',
      ],
      comments: [
        'So this page is itself in a cache. I am going to vote on this comment and watch the strip at the bottom.',
        'The editor who presses save twice is me. I am also the one who wrote the five-minute clock.',
        'What about two servers? One small secret has to be the same secret everywhere, no?',
        'There are two hard problems, et cetera. But I had never seen this one put so gently.',
      ],
    },
    {
      title: 'In praise of the boring deploy',
      by: 'Ifeoma Adeyemi',
      standfirst: 'The best release of the year was the one that no one can remember.',
      paragraphs: [
        'In my first job a release had a date, a name and catering. Forty people stayed until midnight. There was a spreadsheet with a row for every server and a column called “panic?”. We were very proud of how well we handled it, and it did not occur to us that we were also the reason for it.',
        'What makes a deploy exciting is its size. A thousand changes that go out together fail together, and then one of the thousand has to be found with the lights off. The cure sounds reckless until you have tried it: do it so often that there is nothing in it.',
        'On the team where I work now somebody puts something live about every forty minutes. It takes six to arrive and one to go back. There is no name for it and there are certainly no sandwiches. When it goes wrong, the question “what changed?” has an answer that fits on a screen.',
        'I do sometimes miss the sandwiches. But I have not seen that office at midnight for four years, and my children know what I look like on a Thursday.',
      ],
      comments: [
        'The “panic?” column. We had one too, but it was called “confidence” and everyone wrote 7.',
        'We went from monthly to daily. The hardest part was not the tooling, it was finding something for the release manager to do. She is now the best tester we have.',
        'Works for the web. I ship firmware to boats, and a boat is not back in harbour in six minutes.',
        'I read this while waiting for a four-hour pipeline. Pray for me.',
      ],
    },
  ],
  comments: [
    'I sent this to the whole team with no comment whatsoever, and three people asked if it was about them.',
    'After twenty-five years in this trade I would sign every line of it.',
    'Junior developer here: is there a good way to bring this up in a review without sounding like a smart aleck?',
    'It is always communication in the end. The computers are the easy part.',
    'We did precisely this last year and the on-call rota went from nine pages a week to two.',
    'Somebody will say that this does not scale. Somebody said that about the last three things that did.',
    'Fine until the auditors come. Then you need the same thing, but with a form.',
    'I maintain a COBOL system older than I am, and I promise you that it is exactly the same over here.',
    'The hardest sentence in our profession is still “I do not know why that works”.',
    'Would love a follow-up on how you got the managers to agree to it.',
    'Tests first, opinions second. But I do like the opinions.',
    'The trick that worked for us was to write it on the wall, on real paper, where nobody could close the tab.',
    'I disagree with about a third of this, and I cannot tell which third. I shall be back.',
    'I tried it on a small service this week. Nothing broke and nobody noticed, which I gather is the point.',
    'Bookmarking this for the next time somebody proposes a rewrite.',
    'My rubber duck has read this and would like a word with me.',
    'This is why I like reading people who have had to keep something running for longer than two years.',
    'Measured it, since nobody else had: 340 ms before, 41 ms after. I do not understand it, but I will take it.',
    'One small thing: it depends a lot on how good your logs are. Ours are poetry.',
    'I left software to keep bees, and I still read every one of these. It is all about queues, really.',
  ],
};
